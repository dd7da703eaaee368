import { expect, test } from "vitest";
import { dockerSocketOf, readEnvironment, secretNamed } from "../../src/config/env.ts";

test("an empty variable counts as not set", () => {
  const environment = readEnvironment({ NO_COLOR: "", HOME: "", DOCKER_HOST: "", KEY: " " });
  expect(environment).toMatchObject({ isColourAllowed: true, home: undefined, dockerHost: undefined });
  expect(secretNamed(environment, "KEY")).toBeUndefined();
  expect(secretNamed(environment, "OTHER")).toBeUndefined();
});

test("what is set is given by name", () => {
  const environment = readEnvironment({ NO_COLOR: "1", HOME: "/home/a", KEY: "made-up\n" });
  expect(environment).toMatchObject({ isColourAllowed: false, home: "/home/a" });
  expect(secretNamed(environment, "KEY")).toBe("made-up");
});

test.each([
  ["unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"],
  ["tcp://192.0.2.1:2376", "tcp://192.0.2.1:2376"],
  ["unix://relative", "unix://relative"],
])("DOCKER_HOST %s names the socket %s", (host, socket) => {
  expect(dockerSocketOf(readEnvironment({ DOCKER_HOST: host }))).toBe(socket);
});

test("without DOCKER_HOST a rootless engine is asked where it puts its socket, if it is there", () => {
  const environment = readEnvironment({ XDG_RUNTIME_DIR: "/run/user/1000" });
  const isThere = (path: string) => path === "/run/user/1000/docker.sock";
  expect(dockerSocketOf(environment, isThere)).toBe("/run/user/1000/docker.sock");
  expect(dockerSocketOf(environment, () => false)).toBeUndefined();
  expect(dockerSocketOf(readEnvironment({ XDG_RUNTIME_DIR: "run" }), () => true)).toBeUndefined();
  const both = readEnvironment({ XDG_RUNTIME_DIR: "/run/user/1000", DOCKER_HOST: "unix:///x.sock" });
  expect(dockerSocketOf(both, isThere)).toBe("/x.sock");
});

test("the environment is a copy, so that a later change of the process is not seen", () => {
  const source: Record<string, string> = { KEY: "before" };
  const environment = readEnvironment(source);
  source["KEY"] = "after";
  expect(secretNamed(environment, "KEY")).toBe("before");
});
