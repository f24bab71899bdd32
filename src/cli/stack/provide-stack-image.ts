import type { Config } from "../../config/config.ts";
import type { BuildEvent } from "../../docker/build-events.ts";
import { chooseBuilder, inspectImage } from "../../docker/build-image.ts";
import type { DockerConnection } from "../../docker/engine.ts";
import { ImageError } from "../../docker/errors.ts";
import type { FindLogin } from "../../docker/registry-login.ts";
import { toStackImage } from "../../docker/stack/remove-stack.ts";
import type { ProjectRequest } from "../base-command.ts";
import { planProjectImage } from "../plan-project-image.ts";
import { buildProjectImage, readContextDigest } from "../tasks/build.ts";
import { provideImage } from "../tasks/up.ts";
import type { Report } from "./perform.ts";

export interface StackImageRequest {
  readonly project: ProjectRequest;
  readonly config: Config;
  readonly connection: DockerConnection;
  readonly findLogin: FindLogin;
  /** Name of the stack. */
  readonly name: string;
  /** Null: one that is built from the project. */
  readonly image: string | null;
  readonly build: boolean | "if changed";
  readonly pull: "missing" | "always" | "never";
  readonly baseImage: string;
  readonly installCommand: string | undefined;
  readonly buildCommand: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly aegraVersion: string;
  readonly ownPackage: string;
  readonly stop: AbortSignal;
  readonly onWarning: (message: string) => void;
}

/** Makes sure that the image of a stack is there. @returns its name @throws ImageError, BuildError, ImagePlanError */
export async function provideStackImage(request: StackImageRequest, report: Report): Promise<string> {
  const { connection, image, build } = request;
  const built = `${toStackImage(request.name)}:latest`;
  if (image !== null) {
    await provideImage(request, image, report);
    return image;
  }
  const present = await inspectImage(connection.docker, built);
  if (build === false) {
    if (present !== null) return built;
    throw new ImageError(`There is no image ${built} yet, and none is to be built.`, [
      "Leave out --no-build, or name an image with --image.",
    ]);
  }
  const { plan } = await planProjectImage(request.project, {
    ...request,
    secrets: new Map(),
    runtimeSource: "packed",
  });
  for (const warning of plan.warnings) request.onWarning(warning);
  const digest = await readContextDigest({ plan, ownPackage: request.ownPackage }, chooseBuilder(connection));
  if (build !== true && present?.Config.Labels?.["dev.aegra.context"] === digest) return built;
  await buildProjectImage(
    {
      ...{
        config: request.config,
        plan,
        connection,
        tags: [built],
        labels: {},
        buildArgs: request.buildArgs,
      },
      ...{ ownPackage: request.ownPackage, builder: "auto", pull: request.pull, useCache: true },
      ...{
        platform: null,
        network: null,
        iidFile: null,
        archive: null,
        push: false,
        findLogin: request.findLogin,
        signal: request.stop,
        onWarning: request.onWarning,
      },
    },
    (event) => tell(event, report),
  );
  return built;
}

function tell(event: BuildEvent, report: Report): void {
  if (event.kind === "started") report(event.step, "passing");
  if (event.kind === "log") report(event.line, "passing");
  if (event.kind === "done") report(`${event.step} (${(event.durationMs / 1000).toFixed(1)} s)`, "lasting");
}
