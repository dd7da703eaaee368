import { askSecretPlace } from "../paths.ts";
import type { Check } from "../probe.ts";

const PLACES = [
  ["/var/run/secrets/kubernetes.io/serviceaccount/token", "Kubernetes service account token"],
  ["/var/run/secrets/eks.amazonaws.com/serviceaccount/token", "AWS token of a Kubernetes service account"],
  ["/var/run/secrets/azure/tokens/azure-identity-token", "Azure token of a Kubernetes service account"],
] as const;

export const serviceAccountToken: Check = {
  id: "service-account-token",
  category: "secrets",
  why: "A pod's token speaks to the cluster's API with whatever rights its account was given.",
  misses: "The token's rights, audience and expiry: it is not read.",
  source: "Kubernetes documentation, service account tokens; MITRE ATT&CK T1528",
  async run(context) {
    const rows = PLACES.map(([place, what]) => askSecretPlace(context, "service-account-token", place, what));
    return { rows: await Promise.all(rows) };
  },
};
