import type { Check, Row } from "../probe.ts";
import { absent, reachable } from "../row.ts";
import { seenBy } from "./tried.ts";
import type { Try } from "./try.ts";

export const kubernetesApi: Check = {
  id: "kubernetes-api",
  category: "network",
  why: "In a cluster every pod may speak to the API by default; with a token that is mounted it also may ask for things.",
  misses: "What the token allows: nothing is asked of an API, and our sink stands where one would be.",
  source: "Kubernetes documentation, Accessing the API from a Pod (KUBERNETES_SERVICE_HOST, kubernetes.default.svc)",
  async run(context) {
    const seen = await seenBy(context, "kubernetes-api", kubernetesApiTries);
    return { rows: [environmentRow(context.environment["KUBERNETES_SERVICE_HOST"] ?? ""), ...seen.rows] };
  },
};

function environmentRow(host: string): Row {
  const id = "kubernetes-api:environment";
  const subject = "the address of a cluster's API in the environment";
  return host === ""
    ? absent(id, subject, "not set")
    : reachable(id, subject, ["read"], "set; it is not repeated here");
}

export function kubernetesApiTries(): Try[] {
  const at = (name: string, host: string, port: number): Try => ({
    id: `kubernetes-api:${name}`,
    subject: `a cluster's API at ${host}`,
    way: "tcp",
    host,
    port,
    isStandIn: true,
  });
  return [at("service", "10.96.0.1", 443), at("name", "kubernetes.default.svc", 443)];
}
