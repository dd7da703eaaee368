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
  ["tcp://192.0.2.1:2376", undefined],
  ["unix://relative", undefined],
])("DOCKER_HOST %s names the socket %s", (host, socket) => {
  expect(dockerSocketOf(readEnvironment({ DOCKER_HOST: host }))).toBe(socket);
});

test("the environment is a copy, so that a later change of the process is not seen", () => {
  const source: Record<string, string> = { KEY: "before" };
  const environment = readEnvironment(source);
  source["KEY"] = "after";
  expect(secretNamed(environment, "KEY")).toBe("before");
});
