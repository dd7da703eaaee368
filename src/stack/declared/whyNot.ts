/** Why a directive that is known is not repeated in a target. */
export function whyNot(name: string): string {
  return Object.hasOwn(WHY_NOT, name) ? (WHY_NOT[name] ?? OTHER) : OTHER;
}

/** After the name of a variable. */
export const HOST_VALUE = "is a value of the host, which is not read";

const OTHER = "not repeated in a target of this release";
const NEEDS_REGISTRY = "the image needs a registry or a build: an image of ours takes its place";
const NEEDS_NETWORK = "runs third-party code at start and mostly needs a network";
const NO_COMMAND = "what it runs is not run here: our own first process takes its place";
const NOT_HERE = "other containers are not here";
const NO_PORT = "no port of the machine is opened for a target";
const NO_NAMES = "names and addresses of a network that a target has not got";
const NO_EFFECT = "tells the engine how to run it, and opens nothing inside";
const OWN_GROUPS = "groups beside the user's own are not given inside";

const WHY_NOT: Readonly<Record<string, string>> = {
  image: NEEDS_REGISTRY,
  build: NEEDS_REGISTRY,
  dockerFile: NEEDS_REGISTRY,
  context: NEEDS_REGISTRY,
  features: NEEDS_REGISTRY,
  platform: NEEDS_REGISTRY,
  pull: NEEDS_REGISTRY,
  runServices: NOT_HERE,
  runArgs: "an engine that starts a compose service does not read it",
  initializeCommand: "runs on the host itself, outside of any sandbox: never run here",
  onCreateCommand: NEEDS_NETWORK,
  updateContentCommand: NEEDS_NETWORK,
  postCreateCommand: NEEDS_NETWORK,
  postStartCommand: NEEDS_NETWORK,
  postAttachCommand: NEEDS_NETWORK,
  post_start: NO_COMMAND,
  pre_stop: NO_COMMAND,
  command: NO_COMMAND,
  entrypoint: NO_COMMAND,
  healthcheck: NO_COMMAND,
  "health-cmd": NO_COMMAND,
  "volumes-from": "the volumes of another container are not here",
  volumes_from: "the volumes of another container are not here",
  "env-file": "a file of the host's environment is not read",
  gpus: "a device of the host is never given to a target",
  "device-cgroup-rule": "a device of the host is never given to a target",
  device_cgroup_rules: "a device of the host is never given to a target",
  "group-add": OWN_GROUPS,
  publish: NO_PORT,
  "publish-all": NO_PORT,
  ports: NO_PORT,
  expose: NO_PORT,
  networks: "a target never shares a network of the machine",
  dns: NO_NAMES,
  "add-host": NO_NAMES,
  extra_hosts: NO_NAMES,
  hostname: NO_NAMES,
  links: NOT_HERE,
  link: NOT_HERE,
  external_links: NOT_HERE,
  depends_on: NOT_HERE,
  sysctl: "settings of the kernel are not changed for a target",
  sysctls: "settings of the kernel are not changed for a target",
  ulimit: "limits of single processes are ours",
  ulimits: "limits of single processes are ours",
  restart: NO_EFFECT,
  rm: NO_EFFECT,
  interactive: NO_EFFECT,
  tty: NO_EFFECT,
  detach: NO_EFFECT,
  init: NO_EFFECT,
  name: NO_EFFECT,
  container_name: NO_EFFECT,
  label: NO_EFFECT,
  labels: NO_EFFECT,
  logging: NO_EFFECT,
  profiles: NO_EFFECT,
  stdin_open: NO_EFFECT,
  develop: NO_EFFECT,
};
