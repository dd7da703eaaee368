import { throughProxy } from "../proxy.ts";

const ANSWER_TIMEOUT_MS = 120_000;
/** The Fetch standard lets these have no body. */
const BODILESS = [204, 205, 304];

/** The `fetch` that the SDKs are given: there is no network here but the shim's proxy. Text bodies, no streaming. */
export const fetchThroughProxy: typeof fetch = async (input, init) => {
  if (input instanceof Request) throw new TypeError("the proxy is given a URL, not a Request");
  const method = (init?.method ?? "GET").toUpperCase();
  if (method !== "GET" && method !== "POST") throw new TypeError(`the proxy takes GET and POST, not ${method}`);
  const body = init?.body ?? undefined;
  if (body !== undefined && typeof body !== "string") throw new TypeError("the proxy takes bodies of text");
  const answer = await throughProxy(method, String(input), {
    headers: Object.fromEntries(new Headers(init?.headers)),
    ...(body === undefined ? {} : { body }),
    ...(init?.signal ? { signal: init.signal } : {}),
    timeoutMs: ANSWER_TIMEOUT_MS,
  });
  return new Response(BODILESS.includes(answer.status) ? null : answer.body, answer);
};
