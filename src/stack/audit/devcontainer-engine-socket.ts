import type { AuditCheck } from "./check.ts";
import { notFound } from "./declaration.ts";

/** A sandbox that is given the socket of a container engine gives whoever is inside the machine, in whichever form it is declared. */
export const devcontainerEngineSocket: AuditCheck = {
  check: "devcontainer-engine-socket",
  category: "cross-boundary",
  run({ declared }) {
    const subject = "the engine's socket in the container";
    const sockets = declared.resources.filter(({ kind }) => kind === "engine-socket");
    if (sockets.length === 0) return Promise.resolve([{ subject, ...notFound(declared, "a mount") }]);
    const places = sockets.map(({ source, path, declaredAt }) => `${source} at ${path} (${declaredAt})`);
    return Promise.resolve([{ subject, verdict: "reachable", access: ["connect"], detail: places.join("; ") }]);
  },
};
