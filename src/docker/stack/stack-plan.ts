import { createHash } from "node:crypto";
import type Docker from "dockerode";
import type { ServiceLabels } from "../containers.ts";
import { type StackIdentity, toContainerLabels, toResourceLabels } from "./labels.ts";

/** The services in the order in which they are started. */
export const SERVICES = ["postgres", "redis", "migrate", "api", "worker"] as const;
export type Service = (typeof SERVICES)[number];

/** Of the database, its user and its owner. */
export const DATABASE_NAME = "aegra";
/** Where the server listens in its container. */
export const APP_PORT = 2026;

export interface StackImage {
  readonly name: string;
  /** Changes when the image does. */
  readonly id: string;
}

export interface StackRequest extends StackIdentity {
  readonly image: StackImage;
  readonly postgres:
    | {
        readonly image: StackImage;
        readonly password: string;
        /** On the machine of the engine; null: reachable within the stack only. */
        readonly port: number | null;
      }
    /** One that is there already, as the containers reach it. */
    | { readonly url: string };
  /** Null: events go through Postgres. */
  readonly redis: { readonly image: StackImage } | { readonly url: string } | null;
  /** What the project's environment files and configuration set. */
  readonly environment: Readonly<Record<string, string>>;
  readonly migrates: boolean;
  /** How many containers answer requests; they get a port each. */
  readonly apis: number;
  /** How many only execute runs; with none, those that answer requests execute them too. */
  readonly workers: number;
  /** Of the first api; the others get those that follow. */
  readonly port: number;
  /** Address on which the ports are published. */
  readonly bind: string;
  /** Of each container of the project; null: all there is. */
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  readonly restart: "unless-stopped" | "no";
}

export interface PlannedContainer {
  readonly name: string;
  readonly service: Service;
  readonly labels: ServiceLabels & Readonly<Record<string, string>>;
  readonly body: Docker.ContainerCreateOptions;
  /** Of everything that the container is made from. */
  readonly hash: string;
  /** On the machine of the engine. */
  readonly ports: readonly number[];
}

export interface StackPlan {
  readonly project: string;
  readonly network: { readonly name: string; readonly labels: Record<string, string> };
  readonly volumes: readonly { readonly name: string; readonly labels: Record<string, string> }[];
  /** Those of one wave are started together, when those of the wave before are ready. */
  readonly waves: readonly (readonly PlannedContainer[])[];
}

interface ServicePlan {
  readonly service: Service;
  readonly image: StackImage;
  readonly dependsOn: readonly Service[];
  /** One for each container. */
  readonly bodies: readonly Docker.ContainerCreateOptions[];
}

/** All that a stack consists of, as data. Reads and changes nothing. */
export function planStack(request: StackRequest): StackPlan {
  const network = `${request.project}_default`;
  const services = toServices(request);
  const toContainer = ({ service, image, dependsOn, bodies }: ServicePlan) =>
    bodies.map((body, index): PlannedContainer => {
      const number = index + 1;
      const name = `${request.project}-${service}-${number}`;
      const hash = hashOf({ ...body, network, imageId: image.id });
      return {
        name,
        service,
        hash,
        ports: toHostPorts(body),
        labels: toContainerLabels(request, { service, number, hash, dependsOn }),
        body: {
          ...body,
          Image: image.name,
          HostConfig: { ...body.HostConfig, NetworkMode: network },
          NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [service, name] } } },
        },
      };
    });
  return {
    project: request.project,
    network: { name: network, labels: toResourceLabels(request, { network: "default" }) },
    volumes:
      "image" in request.postgres
        ? [{ name: toVolume(request), labels: toResourceLabels(request, { volume: "postgres" }) }]
        : [],
    waves: toWaves(services).map((wave) => wave.flatMap(toContainer)),
  };
}

const toVolume = ({ project }: StackIdentity): string => `${project}_postgres`;

function toServices(request: StackRequest): ServicePlan[] {
  const { image, postgres, redis } = request;
  const stores: Service[] = [
    ...("image" in postgres ? (["postgres"] as const) : []),
    ...(redis !== null && "image" in redis ? (["redis"] as const) : []),
  ];
  const migrates: Service[] = request.migrates ? ["migrate"] : [];
  return [
    ...("image" in postgres
      ? [
          {
            service: "postgres",
            image: postgres.image,
            dependsOn: [],
            bodies: [toPostgres(request, postgres)],
          } as const,
        ]
      : []),
    ...(redis !== null && "image" in redis
      ? [{ service: "redis", image: redis.image, dependsOn: [], bodies: [toRedis(request)] } as const]
      : []),
    ...(request.migrates
      ? [{ service: "migrate", image, dependsOn: stores, bodies: [toMigrate(request)] } as const]
      : []),
    {
      service: "api",
      image,
      dependsOn: [...stores, ...migrates],
      bodies: Array.from({ length: request.apis }, (_, index) => toApi(request, request.port + index)),
    },
    ...(request.workers > 0
      ? [
          {
            service: "worker",
            image,
            dependsOn: [...stores, ...migrates],
            bodies: Array.from({ length: request.workers }, () => toApp(request, "worker")),
          } as const,
        ]
      : []),
  ];
}

/** Puts each service into the first wave after those that it depends on. */
export function toWaves<T extends { readonly service: Service; readonly dependsOn: readonly Service[] }>(
  services: readonly T[],
): T[][] {
  const waves: T[][] = [];
  let rest = [...services];
  while (rest.length > 0) {
    const waiting = rest.map(({ service }) => service);
    const wave = rest.filter(({ dependsOn }) => dependsOn.every((name) => !waiting.includes(name)));
    if (wave.length === 0) throw new Error(`these services wait for each other: ${waiting.join(", ")}`);
    waves.push(wave);
    rest = rest.filter((service) => !wave.includes(service));
  }
  return waves;
}

const SECOND = 1e9;
// Not the image's own folder: that of Postgres 18 is another one than that of 17, and an upgrade of the image would
// silently begin with an empty database.
const POSTGRES_FOLDER = "/var/lib/aegra-postgres";
const LOGS = { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } };

function toPostgres(
  request: StackRequest,
  { password, port }: { readonly password: string; readonly port: number | null },
): Docker.ContainerCreateOptions {
  return {
    Env: toEnv({
      POSTGRES_USER: DATABASE_NAME,
      POSTGRES_PASSWORD: password,
      POSTGRES_DB: DATABASE_NAME,
      PGDATA: `${POSTGRES_FOLDER}/data`,
    }),
    StopSignal: "SIGINT",
    StopTimeout: 30,
    Healthcheck: toHealthcheck(POSTGRES_PROBE),
    ExposedPorts: { "5432/tcp": {} },
    HostConfig: {
      Mounts: [{ Type: "volume", Source: toVolume(request), Target: POSTGRES_FOLDER }],
      ShmSize: 128 * 2 ** 20,
      RestartPolicy: { Name: request.restart },
      LogConfig: LOGS,
      ...(port === null ? {} : { PortBindings: toBindings(request.bind, 5432, port) }),
    },
  };
}

/** While it initialises, Postgres listens on its socket alone: asked over TCP, it is not ready too early. */
export const POSTGRES_PROBE = [
  "pg_isready",
  "-q",
  "-h",
  "127.0.0.1",
  "-U",
  DATABASE_NAME,
  "-d",
  DATABASE_NAME,
];
export const REDIS_PROBE = ["redis-cli", "ping"];

const toHealthcheck = (command: readonly string[]) => ({
  Test: ["CMD", ...command],
  Interval: 10 * SECOND,
  Timeout: 3 * SECOND,
  StartPeriod: 60 * SECOND,
  Retries: 3,
});

/** Events are all that it keeps, and none that have to survive it. */
function toRedis({ restart }: StackRequest): Docker.ContainerCreateOptions {
  const settings = ["--save", "", "--appendonly", "no", "--protected-mode", "no", "--bind", "*", "-::*"];
  return {
    Cmd: ["redis-server", ...settings],
    StopTimeout: 10,
    Healthcheck: toHealthcheck(REDIS_PROBE),
    HostConfig: { RestartPolicy: { Name: restart }, LogConfig: LOGS },
  };
}

function toMigrate(request: StackRequest): Docker.ContainerCreateOptions {
  const body = toApp({ ...request, redis: null }, "all");
  return {
    ...body,
    // Nothing of what servers alone read: they may change without another upgrade.
    Env: toEnv({ ...request.environment, DATABASE_URL: toDatabaseUrl(request) }),
    Cmd: ["aegra", "db", "upgrade"],
    Healthcheck: { Test: ["NONE"] },
    HostConfig: { ...body.HostConfig, RestartPolicy: { Name: "no" } },
  };
}

function toApi(request: StackRequest, port: number): Docker.ContainerCreateOptions {
  const body = toApp(request, request.workers > 0 ? "api" : "all");
  return {
    ...body,
    ExposedPorts: { [`${APP_PORT}/tcp`]: {} },
    HostConfig: { ...body.HostConfig, PortBindings: toBindings(request.bind, APP_PORT, port) },
  };
}

function toApp(request: StackRequest, role: "all" | "api" | "worker"): Docker.ContainerCreateOptions {
  const { environment, postgres, redis, memoryBytes, cpus, restart } = request;
  const usesHost = "url" in postgres || (redis !== null && "url" in redis);
  return {
    Env: toEnv({
      ...environment,
      DATABASE_URL: toDatabaseUrl(request),
      ...(redis === null ? {} : { REDIS_URL: "url" in redis ? redis.url : "redis://redis:6379" }),
      PORT: String(APP_PORT),
      AEGRA_ROLE: role,
      // The tables are a matter of `migrate`, so that of several servers none has to wait for another.
      AEGRA_MIGRATE: "false",
    }),
    StopTimeout: 30,
    HostConfig: {
      RestartPolicy: { Name: restart },
      LogConfig: LOGS,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ...(memoryBytes === null ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
      ...(cpus === null ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
      ...(usesHost ? { ExtraHosts: ["host.docker.internal:host-gateway"] } : {}),
    },
  };
}

const toDatabaseUrl = ({ postgres }: StackRequest): string =>
  "url" in postgres
    ? postgres.url
    : `postgres://${DATABASE_NAME}:${encodeURIComponent(postgres.password)}@postgres:5432/${DATABASE_NAME}`;

const toEnv = (variables: Readonly<Record<string, string>>): string[] =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .sort();

// Without a port of our choice Docker takes another one at each start, and without an address it listens on all.
const toBindings = (bind: string, inner: number, port: number) => ({
  [`${inner}/tcp`]: [{ HostIp: bind, HostPort: String(port) }],
});

const toHostPorts = ({ HostConfig: host }: Docker.ContainerCreateOptions): number[] =>
  Object.values((host?.PortBindings ?? {}) as Record<string, { HostPort: string }[]>)
    .flat()
    .map(({ HostPort: port }) => Number(port));

const hashOf = (value: object): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
