import type { Weakness } from "../weakness.ts";

/** What can be talked to without leaving the machine. */
export const NETWORK: readonly Weakness[] = [
  {
    id: "host-network-shared",
    title: "The sandbox stands in the host's network",
    category: "network",
    when: { check: "host-network-namespace", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "high",
    explanation:
      "Every service that listens for the host alone, on loopback or by an abstract name, also listens for the " +
      "sandbox, and no filter between the two can be drawn. Development servers and databases commonly ask such callers no password.",
    attack: ["T1611", "T1046"],
    atlas: ["AML.T0105"],
    owasp: ["ASI02", "ASI05"],
    cwe: ["CWE-653", "CWE-668"],
    mitigations: [],
    advice: "Remove the host-network option and publish the few ports that are needed.",
  },
  {
    id: "loopback-service-reachable",
    title: "A service that listens on loopback answers inside the sandbox",
    category: "network",
    when: { check: "loopback-listener", verdict: ["reachable", "decoy-reached"], from: ["target"] },
    one: "per-observation",
    severity: "low",
    explanation:
      "Services on loopback are written as if only friends could call. Local MCP servers, debuggers and databases act " +
      "for whoever connects. If the service was started inside the sandbox this is harmless.",
    attack: ["T1046", "T1559"],
    atlas: [],
    owasp: ["ASI02", "MCP07:2025"],
    cwe: ["CWE-306"],
    mitigations: [],
    advice: "Let the service ask for a token, or move it into a namespace of its own.",
  },
  {
    id: "mcp-remote-without-tls",
    title: "A remote MCP server is used without encryption",
    category: "network",
    when: { check: "mcp-remote-plaintext", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "Tool descriptions, calls and answers cross the network readable and changeable. Whoever stands in between can " +
      "take the token that goes with them and can write what the model will read as the tool's answer.",
    attack: ["T1557", "T1040"],
    atlas: [],
    owasp: ["ASI04", "MCP07:2025"],
    cwe: ["CWE-319"],
    mitigations: [],
    advice: "Use https for every MCP server that is not on loopback.",
  },
];
