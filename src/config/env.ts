import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * The environment, read here and nowhere else. What needs a value gets it as an argument, so that a run can be
 * understood from its arguments and a test need not touch the process.
 */
export type Environment = {
  /** A copy, taken once. */
  variables: Readonly<Record<string, string | undefined>>;
  /** False when NO_COLOR is set to anything but nothing (no-color.org). */
  isColourAllowed: boolean;
  /** HOME, when it is set and absolute. */
  home: string | undefined;
  /** DOCKER_HOST as set: `unix:///…`, `tcp://…`, `ssh://…`. */
  dockerHost: string | undefined;
  /** XDG_RUNTIME_DIR, when it is set and absolute. */
  runtimeDirectory: string | undefined;
};

export function readEnvironment(source: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const variables = { ...source };
  const set = (name: string): string | undefined => (variables[name] === "" ? undefined : variables[name]);
  const home = set("HOME");
  const runtimeDirectory = set("XDG_RUNTIME_DIR");
  return {
    variables,
    isColourAllowed: set("NO_COLOR") === undefined,
    home: home?.startsWith("/") ? home : undefined,
    dockerHost: set("DOCKER_HOST"),
    runtimeDirectory: runtimeDirectory?.startsWith("/") ? runtimeDirectory : undefined,
  };
}

/** A secret by the name of its variable; undefined when unset or blank. The caller hands it to the gateway and to nobody else. */
export function secretNamed(environment: Environment, name: string): string | undefined {
  const value = environment.variables[name]?.trim();
  return value === "" ? undefined : value;
}

/**
 * The engine that this user's own docker command would ask: DOCKER_HOST, else a rootless engine's socket where that engine puts
 * it, if it is there. Undefined when neither is. A DOCKER_HOST that names no Unix socket comes back as it stands: who uses it
 * says that it cannot be used, and asks no other engine in its stead.
 */
export function dockerSocketOf(
  { dockerHost, runtimeDirectory }: Environment,
  isThere: (path: string) => boolean = existsSync,
): string | undefined {
  if (dockerHost !== undefined)
    return dockerHost.startsWith("unix:///") ? dockerHost.slice("unix://".length) : dockerHost;
  const rootless = runtimeDirectory === undefined ? undefined : join(runtimeDirectory, "docker.sock");
  return rootless !== undefined && isThere(rootless) ? rootless : undefined;
}
