import type { Weakness } from "../weakness.ts";

/** What can be talked to, on the machine and beyond it. Beyond it stands a sink of ours, and what is said is what arrived there. */
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
  {
    id: "egress-unrestricted",
    title: "What the sandbox sends arrives at addresses that nobody allowed",
    category: "network",
    when: { check: "data-flow", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "Whatever can be read inside can be sent anywhere: source code, credentials, what the agent has been told. A page " +
      "that the agent reads is enough to ask it for that, and nothing between the sandbox and the outside looks at where it goes.",
    attack: ["T1048", "T1041"],
    atlas: ["AML.T0025"],
    owasp: ["LLM02:2025", "ASI02"],
    cwe: ["CWE-923"],
    mitigations: [],
    advice:
      "Give the sandbox a network whose only way out is a proxy with a list of hosts, and no route past it: an internal " +
      "network of the engine, or a firewall in the sandbox that drops by default, for both IPs.",
  },
  {
    id: "dns-channel-open",
    title: "Names that are asked for inside reach whoever owns the zone",
    category: "network",
    when: { check: "dns-channel", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "A resolver that asks on for any name is a way out of its own: data goes out in the labels and comes back in the " +
      "answers, also where every connection is refused. Lists of hosts in a proxy do not see it.",
    attack: ["T1071.004", "T1048.003"],
    atlas: ["AML.T0025"],
    owasp: ["LLM02:2025"],
    cwe: ["CWE-923"],
    mitigations: [],
    advice: "Answer inside for the allowed names alone, and ask nobody for any other; let the proxy resolve names.",
  },
  {
    id: "metadata-service-reachable",
    title: "Nothing holds back a request for a cloud machine's credentials",
    category: "network",
    when: { check: "metadata-responder", verdict: ["reachable", "decoy-reached"], from: ["target"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "On a machine of a cloud, a service at a fixed address hands the machine's credentials to whoever asks over the " +
      "network. A responder of ours stood at these addresses and was reached; on a machine of a cloud it would be the real one.",
    attack: ["T1552.005"],
    atlas: [],
    owasp: ["ASI03"],
    cwe: ["CWE-918"],
    mitigations: [],
    advice:
      "Drop 169.254.0.0/16 and fd00:ec2::254 in the sandbox's own rules; on the cloud ask for a token with a hop limit of 1.",
  },
  {
    id: "proxy-only-asked-for",
    title: "The proxy is asked for by a variable, and there is a way past it",
    category: "network",
    when: { check: "proxy-ignored", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "high",
    explanation:
      "The team believes that a list in the proxy decides what leaves. A program that does not read the variable connects " +
      "directly and is not on any list; many tools, and everything an intruder brings, do not read it.",
    attack: ["T1048", "T1090"],
    atlas: ["AML.T0025"],
    owasp: ["ASI02"],
    cwe: ["CWE-693"],
    mitigations: [],
    advice: "Take the direct way away: a network whose only neighbour is the proxy.",
  },
  {
    id: "host-services-by-gateway",
    title: "What listens on the machine can be reached over its network's gateway",
    category: "network",
    when: { check: "host-gateway", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "The gateway of a container's network is the machine. Development servers, engines and databases that listen on all " +
      "of its addresses answer the sandbox as they answer its owner, and often ask for no password.",
    attack: ["T1046", "T1210"],
    atlas: [],
    owasp: ["ASI02"],
    cwe: ["CWE-668"],
    mitigations: [],
    advice:
      "Drop the gateway's address in the sandbox's own rules, and let services of the machine listen on its loopback alone.",
  },
];
