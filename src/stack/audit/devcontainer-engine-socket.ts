import type { AuditCheck } from "./check.ts";
import { isCompose } from "./devcontainer-flags.ts";

/** A devcontainer that mounts the socket of a container engine gives whoever is inside the machine. */
export const devcontainerEngineSocket: AuditCheck = {
  check: "devcontainer-engine-socket",
  category: "cross-boundary",
  async run({ declared }) {
    const subject = "the engine's socket in the container";
    if (isCompose(declared)) {
      const detail = "declared by a compose file, which is not read in this release";
      return [{ subject, verdict: "not-measured", detail }];
    }
    const sockets = declared.resources.filter(({ kind }) => kind === "engine-socket");
    if (sockets.length === 0) {
      const detail =
        declared.kind === "none" ? "no devcontainer is declared" : `not mounted by ${declared.declaredAt}`;
      return [{ subject, verdict: "absent", detail }];
    }
    const places = sockets.map(({ source, path, declaredAt }) => `${source} at ${path} (${declaredAt})`);
    return [{ subject, verdict: "reachable", access: ["connect"], detail: places.join("; ") }];
  },
};
