import type { OutgoingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";

/**
 * What one request is read from and answered on: a stream of HTTP/2, or an exchange of HTTP/1.1 that is dressed as one
 * (`tunnel/http1.ts`).
 */
export type Exchange = Duplex & {
  /** Once, before the first byte of a body; `:status` is among the headers. */
  respond(headers: OutgoingHttpHeaders, options?: { endStream?: boolean }): void;
  /** Lets go of it. With a code other than NO_ERROR the peer sees that the answer is not whole. */
  close(code?: number): void;
  readonly closed: boolean;
  /** Has it said with its headers that nothing follows them? */
  readonly endAfterHeaders?: boolean;
  /** Of HTTP/2, once it is closed: why. */
  readonly rstCode?: number | undefined;
};
