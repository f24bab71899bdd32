import { execFileSync } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { openContext } from "../../../src/docker/build-context.ts";
import { toDockerfile } from "../../../src/docker/dockerfile.ts";
import { PROJECT, planOf, writeTree } from "../../support/image-project.ts";

const textOf = async (...args: Parameters<typeof planOf>) =>
  toDockerfile((await planOf(...args)).plan.dockerfile);
const without = (key: keyof typeof PROJECT) =>
  Object.fromEntries(Object.entries(PROJECT).filter(([name]) => name !== key));

describe("the package manager", () => {
  test.each([
    ["package-lock.json", {}, "npm ci --omit=dev"],
    ["pnpm-lock.yaml", {}, "pnpm install --frozen-lockfile --prod"],
    ["yarn.lock", {}, "yarn install --non-interactive --frozen-lockfile --production"],
    ["bun.lock", {}, "bun install --frozen-lockfile --production"],
    ["bun.lockb", {}, "bun install --frozen-lockfile --production"],
    ["yarn.lock", { packageManager: "yarn@4.9.2" }, "yarn workspaces focus --production"],
  ])(
    "of a project with %s and %j installs with the lock file, and nothing for development",
    async (lockfile, more, command) => {
      const files = {
        ...without("package-lock.json"),
        [lockfile]: "",
        "package.json": { ...PROJECT["package.json"], ...more },
      };
      const { plan } = await planOf(files);
      expect(toDockerfile(plan.dockerfile)).toContain(command);
      expect(plan.dockerfile.manager.lockfile).toBe(lockfile);
      expect(plan.dockerfile.manifests).toContain(lockfile);
      expect(plan.warnings).toEqual([]);
    },
  );

  test("is the one that package.json asks for, in its version", async () => {
    const files = {
      ...PROJECT,
      "package.json": { ...PROJECT["package.json"], packageManager: "pnpm@10.4.1+sha512.abc" },
    };
    const { plan } = await planOf({ ...files, "pnpm-lock.yaml": "" });
    expect(toDockerfile(plan.dockerfile)).toContain("pnpm@10.4.1\n");
    expect(plan.warnings).toEqual([
      expect.stringContaining("several lock files (pnpm-lock.yaml, package-lock.json)"),
    ]);
  });

  test("without a lock file is warned about, and one that is left out is not used", async () => {
    const { plan } = await planOf(without("package-lock.json"));
    expect(plan.warnings).toEqual([expect.stringContaining("no lock file of npm")]);
    expect(toDockerfile(plan.dockerfile)).toContain("npm install --omit=dev");
    expect(await textOf({ ...PROJECT, ".dockerignore": "package-lock.json" })).toContain(
      "npm install --omit=dev",
    );
  });
});

describe("a workspace", () => {
  const agent = "packages/agent";
  const tree = {
    "package.json": { private: true, workspaces: ["packages/*"] },
    "package-lock.json": "{}",
    [`${agent}/package.json`]: { name: "@ws/agent", dependencies: { aegra: "^1.0.0", "@ws/lib": "*" } },
    [`${agent}/aegra.json`]: "{}",
    [`${agent}/agent.ts`]: "",
    "packages/lib/package.json": { name: "@ws/lib" },
    "packages/lib/index.ts": "",
  };

  test.each([
    ["npm", tree, "npm ci --omit=dev --workspace=packages/agent"],
    [
      "pnpm",
      {
        ...tree,
        "package.json": { private: true },
        "pnpm-lock.yaml": "",
        "pnpm-workspace.yaml":
          "allowBuilds:\n  esbuild: true\npackages:\n  # all\n  - 'packages/*' # here\nother: 1\n",
      },
      "pnpm install --frozen-lockfile --prod --filter @ws/agent...",
    ],
  ])("of %s is the context, with the package's own place in it", async (_name, files, command) => {
    const { plan, root } = await planOf(files, { folder: agent });
    expect(plan.tree.root).toBe(root);
    expect(plan.dockerfile.manifests).toEqual(
      expect.arrayContaining(["package.json", "packages/agent/package.json", "packages/lib/package.json"]),
    );
    const text = toDockerfile(plan.dockerfile);
    expect(text).toContain("COPY packages/lib/package.json ./packages/lib/\n");
    expect(text).toContain("WORKDIR /app/packages/agent\n");
    expect(text).toContain('AEGRA_CONFIG="/app/packages/agent/aegra.json"');
    expect(plan.context.files).toContain("packages/lib/index.ts");
    expect(text).toContain(command);
  });

  test("that a package is no member of is not its context", async () => {
    const { plan, root } = await planOf(
      { ...tree, "package.json": { workspaces: ["apps/*"] }, [`${agent}/package-lock.json`]: "{}" },
      { folder: agent },
    );
    expect(plan.tree.root).toBe(path.join(root, agent));
  });
});

describe("the context", () => {
  test("has no secrets, whatever is brought back", async () => {
    const { plan } = await planOf(
      {
        ...PROJECT,
        ".env": "A=secret",
        ".env.production": "A=secret",
        ".env.example": "A=",
        "deep/.env": "A=secret",
        "secrets/prod": "A=secret",
        "packages/x/.npmrc": "//registry/:_authToken=secret",
        ".dockerignore": "!.env\n!**/.env\n!.env.production\n!**/.npmrc",
      },
      {},
    );
    expect(plan.context.files).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/\.env$|production|npmrc/)]),
    );
    expect(plan.context.files).toContain(".env.example");
  });

  test("has no file that the configuration takes its environment from", async () => {
    const root = await writeTree({ ...PROJECT, "config/prod.vars": "A=secret" });
    const { plan } = await planOf({}, { root, envFiles: [path.join(root, "config/prod.vars")] });
    expect(plan.context.files).toEqual(["aegra.json", "agent.ts", "package-lock.json", "package.json"]);
  });

  test("has what a build has made only where nothing is built in the image", async () => {
    const files = {
      ...PROJECT,
      "dist/agent.js": "",
      "node_modules/x/index.js": "",
      "a.log": "",
      Dockerfile: "",
    };
    expect((await planOf(files)).plan.context.files).toEqual([
      "aegra.json",
      "agent.ts",
      "dist/agent.js",
      "package-lock.json",
      "package.json",
    ]);
    const built = await planOf(files, { buildCommand: "tsc" });
    expect(built.plan.context.files).not.toContain("dist/agent.js");
    const text = toDockerfile(built.plan.dockerfile);
    expect(text).toContain("RUN tsc\n");
    expect(text).toContain("npm ci --no-audit");
  });

  test.skipIf(process.platform === "win32")(
    "has links within the project as links, and what others lead to",
    async () => {
      const root = await writeTree({ ...PROJECT, "lib/a.ts": "a" });
      const elsewhere = await writeTree({ "b.ts": "b" });
      await symlink("lib", path.join(root, "inner"));
      await symlink(path.join(elsewhere, "b.ts"), path.join(root, "outer.ts"));
      await symlink("nowhere/../../x", path.join(root, "broken"));
      const { plan } = await planOf({}, { root });
      expect(plan.context.files).toEqual(expect.arrayContaining(["inner", "lib/a.ts", "outer.ts"]));
      expect(plan.context.files).not.toContain("broken");
      expect(plan.warnings).toEqual([expect.stringContaining("broken is a link out of the project")]);
      const { pack } = await openContext(root, plan.context, {});
      await writeFile(path.join(elsewhere, "x.tar"), Buffer.concat(await Array.fromAsync(pack())));
      execFileSync("tar", ["-xf", "x.tar"], { cwd: elsewhere });
      expect(await readFile(path.join(elsewhere, "inner", "a.ts"), "utf8")).toBe("a");
      expect(await readFile(path.join(elsewhere, "outer.ts"), "utf8")).toBe("b");
    },
  );

  test("makes the same archive of the same files, and tells a change by its hash", async () => {
    const digestOf = async (files: Record<string, string | object>) => {
      const { plan, root } = await planOf(files);
      return (await openContext(root, plan.context, { Dockerfile: Buffer.from("FROM x") })).digest();
    };
    expect(await digestOf(PROJECT)).toBe(await digestOf(PROJECT));
    expect(await digestOf(PROJECT)).not.toBe(await digestOf({ ...PROJECT, "agent.ts": "changed" }));
  });
});

describe("the text", () => {
  test("needs nothing that old engines lack", async () => {
    const text = await textOf(PROJECT);
    expect(text).not.toMatch(/^#\s*syntax|<<|--link|--start-interval|--chmod/m);
    expect(text).toContain("USER 1000:1000\n");
    expect(text).toMatch(/HEALTHCHECK .* CMD \["node",/);
    const { plan } = await planOf(PROJECT);
    expect(toDockerfile({ ...plan.dockerfile, mounts: false })).not.toContain("--mount");
  });

  test("installs before it copies sources, so that an edit installs nothing", async () => {
    const text = await textOf(PROJECT);
    expect(text).toContain("COPY package-lock.json package.json ./\n");
    const [, dependencies = ""] = text.split("AS dependencies\n");
    expect(dependencies.split("FROM ")[0]).not.toContain("COPY");
  });

  test("builds with the script build where there is one, and not when told so", async () => {
    const files = { ...PROJECT, "package.json": { ...PROJECT["package.json"], scripts: { build: "tsc" } } };
    expect(await textOf(files)).toContain("RUN npm run build\n");
    expect(await textOf(files, { buildCommand: null })).not.toContain("AS compiled");
    expect(await textOf(files, { installCommand: "make deps", buildArgs: ["TOKEN"] })).toMatch(
      /ARG TOKEN\nRUN [^\n]*\n *make deps/,
    );
  });

  test("reads schemas where the project has a reader", async () => {
    const files = {
      ...PROJECT,
      "package.json": { ...PROJECT["package.json"], devDependencies: { "@langchain/langgraph-api": "1" } },
    };
    const text = await textOf(files);
    expect(text).toContain("aegra schemas -c /out/app/aegra.json");
    expect(text).toContain("COPY --from=schemas /schemas/ /\n");
    expect(await textOf(PROJECT)).not.toContain("schemas");
  });

  test("copies names with spaces as they are", async () => {
    const { plan } = await planOf(PROJECT);
    expect(toDockerfile({ ...plan.dockerfile, manifests: ["my lib/package.json"] })).toContain(
      'COPY ["my lib/package.json","./my lib/"]',
    );
  });
});

describe("the runtime", () => {
  const bare = { ...PROJECT, "package.json": { name: "demo" } };

  test("is added where the project does not depend on it, which is warned about", async () => {
    const { plan } = await planOf(bare);
    expect(plan.warnings).toEqual([
      expect.stringContaining("does not depend on aegra: the image gets 1.2.3"),
    ]);
    const text = toDockerfile(plan.dockerfile);
    expect(text).toContain(
      "npm pkg set dependencies.aegra=file:/runtime/aegra-runtime.tgz && npm install --omit=dev",
    );
    expect(await textOf(bare, { runtimeSource: "registry" })).toContain(
      "npm pkg set dependencies.aegra=1.2.3 &&",
    );
  });

  test("is refused as a dev dependency", async () => {
    const files = { ...PROJECT, "package.json": { devDependencies: { aegra: "*" } } };
    await expect(planOf(files)).rejects.toMatchObject({
      name: "ImagePlanError",
      suggestions: ["Move it from devDependencies to dependencies in package.json."],
    });
  });
});

describe("credentials for registries", () => {
  test("in .npmrc are a secret of the build, and in no file of the image", async () => {
    const { plan } = await planOf(
      { ...PROJECT, ".npmrc": `//registry.example.com/:_authToken=\${TOKEN}\n` },
      { environment: { TOKEN: "s3cret" } },
    );
    expect(plan.context.files).not.toContain(".npmrc");
    expect(plan.secrets.get("npmrc")?.toString()).toBe("//registry.example.com/:_authToken=s3cret\n");
    const text = toDockerfile(plan.dockerfile);
    expect(text).toContain("--mount=type=secret,id=npmrc,target=/run/secrets/npmrc");
    expect(text).toContain("export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc && npm ci");
    expect(text).not.toContain("s3cret");
  });

  test("leave other settings of npm where they are", async () => {
    const { plan } = await planOf({ ...PROJECT, ".npmrc": "legacy-peer-deps=true\n" });
    expect(plan.dockerfile.manifests).toContain(".npmrc");
    expect(plan.secrets.size).toBe(0);
  });

  test.each([
    [".yarnrc.yml", "npmAuthToken: abc"],
    ["bunfig.toml", '[install]\nregistry = { url = "https://x", token = "abc" }'],
  ])("in %s are refused", async (file, content) => {
    await expect(planOf({ ...PROJECT, [file]: content })).rejects.toThrow(
      `${file} holds a password or token`,
    );
    const referring = content.replace("abc", file === ".yarnrc.yml" ? `"\${TOKEN}"` : "$TOKEN");
    await expect(planOf({ ...PROJECT, [file]: referring })).resolves.toBeDefined();
  });
});

describe("what cannot be in an image", () => {
  test.each([
    [{ "agent.ts": "" }, {}, "There is no package.json"],
    [{ ...PROJECT, "package.json": "{" }, {}, "is not valid JSON"],
    [{ ...PROJECT, ".dockerignore": "*.ts" }, {}, "The graph agent would not be in the image: agent.ts"],
    [PROJECT, { graphs: { far: path.resolve("/elsewhere/x.ts") } }, "The graph far"],
    [
      { ...PROJECT, "package.json": { dependencies: { aegra: "file:../aegra.tgz" } } },
      {},
      "The dependency aegra (file:../aegra.tgz) is outside of",
    ],
    [
      { ...PROJECT, "package.json": { dependencies: { aegra: "1", x: "file:./x.tgz" } } },
      {},
      "The dependency x (file:./x.tgz) is not there",
    ],
  ])("is said: %#", async (files, request, message) => {
    await expect(planOf(files, request)).rejects.toThrow(message);
  });

  test("packages that are named by their path are installed from it", async () => {
    const { plan } = await planOf({
      ...PROJECT,
      "package.json": { dependencies: { aegra: "file:vendor/aegra.tgz", lib: "file:./lib" } },
      "vendor/aegra.tgz": "",
      "lib/package.json": "{}",
      "lib/index.js": "",
    });
    expect(plan.dockerfile.manifests).toEqual(expect.arrayContaining(["vendor/aegra.tgz", "lib/"]));
    expect(toDockerfile(plan.dockerfile)).toContain("COPY lib/ ./lib/\n");
  });
});
