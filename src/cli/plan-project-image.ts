import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { copyEnvironment } from "../config/process-environment.ts";
import { type ImagePlan, type ImageRequest, planImage } from "../docker/image-plan.ts";
import type { ProjectRequest } from "./base-command.ts";

export interface ProjectImageRequest
  extends Pick<ImageRequest, "aegraVersion" | "baseImage" | "secrets" | "runtimeSource"> {
  readonly installCommand: string | undefined;
  /** Empty: nothing is compiled. */
  readonly buildCommand: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** Plans the image of the project that the command is about. @throws ConfigError, ImagePlanError */
export async function planProjectImage(
  project: ProjectRequest,
  { installCommand, buildCommand, buildArgs, ...request }: ProjectImageRequest,
): Promise<{ readonly config: Config; readonly plan: ImagePlan }> {
  const config = await loadConfig(project);
  const plan = await planImage({
    ...request,
    configFile: config.file,
    graphs: Object.fromEntries(Object.entries(config.graphs).map(([id, { file }]) => [id, file])),
    envFiles: [...config.envFiles, ...project.envFiles],
    installCommand: installCommand || null,
    buildCommand: buildCommand === undefined ? undefined : buildCommand || null,
    buildArgs: Object.keys(buildArgs),
    environment: copyEnvironment(),
  });
  return { config, plan };
}
