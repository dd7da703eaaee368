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
};

export function readEnvironment(source: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const variables = { ...source };
  const set = (name: string): string | undefined => (variables[name] === "" ? undefined : variables[name]);
  const home = set("HOME");
  return {
    variables,
    isColourAllowed: set("NO_COLOR") === undefined,
    home: home?.startsWith("/") ? home : undefined,
    dockerHost: set("DOCKER_HOST"),
  };
}

/** A secret by the name of its variable; undefined when unset or blank. The caller hands it to the gateway and to nobody else. */
export function secretNamed(environment: Environment, name: string): string | undefined {
  const value = environment.variables[name]?.trim();
  return value === "" ? undefined : value;
}

/** The path of a Unix socket that DOCKER_HOST names; undefined when it is not set or names something else. */
export function dockerSocketOf(environment: Environment): string | undefined {
  const host = environment.dockerHost;
  return host?.startsWith("unix:///") ? host.slice("unix://".length) : undefined;
}
