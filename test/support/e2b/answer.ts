import type { ServerResponse } from "node:http";

export function answer(
  response: ServerResponse,
  status: number,
  body?: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

export function fail(
  response: ServerResponse,
  code: number,
  message: string,
  headers?: Record<string, string>,
): void {
  answer(response, code, { code, message }, headers);
}
