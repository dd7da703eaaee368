import { throughProxy } from "../proxy.ts";

/** The `fetch` that the SDKs are given: there is no network here but the shim's proxy. Text bodies, no streaming. */
export const fetchThroughProxy: typeof fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  const method = (init?.method ?? "GET").toUpperCase();
  if (method !== "GET" && method !== "POST") throw new TypeError(`the proxy takes GET and POST, not ${method}`);
  const answer = await throughProxy(method, url, {
    headers: Object.fromEntries(new Headers(init?.headers)),
    ...(typeof init?.body === "string" ? { body: init.body } : {}),
    timeoutMs: 120_000,
  });
  return new Response(answer.body, { status: answer.status, headers: { "content-type": "application/json" } });
};
