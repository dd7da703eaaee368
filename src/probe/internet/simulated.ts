/**
 * What the simulated internet answers to a request that carries no token of ours: a page that says what it is, and the one list
 * that firewall scripts ask a well-known host for. Pure.
 */
export type Asked = { host: string; path: string };

/** A whole request of HTTP/1, or undefined. */
export function askedIn(said: string): Asked | undefined {
  const head = /^(?:GET|HEAD|POST) (\S+) HTTP\/1\.[01]\r\n[^]*?\r\n\r\n/.exec(said);
  if (head === null) return undefined;
  const host = /^host: *([^\s:]+)/im.exec(head[0])?.[1] ?? "";
  return { host: host.toLowerCase(), path: (head[1] ?? "").replace(/^https?:\/\/[^/]*/, "") || "/" };
}

/** `addressOf` gives a name its address. GitHub REST API, "Get GitHub meta information": ranges by service, as CIDR. */
export function pageFor({ host, path }: Asked, addressOf: (name: string) => string): { type: string; body: string } {
  if (host !== "api.github.com" || path !== "/meta")
    return { type: "text/plain", body: "weakdoor: a simulated internet, in which nothing else stands\n" };
  const range = (name: string) => `${addressOf(name)}/32`;
  const web = [range("github.com")];
  return {
    type: "application/json",
    body: JSON.stringify({ web, api: [range(host)], git: web, simulatedBy: "weakdoor" }),
  };
}
