import { createServer } from "node:http";
import { allTickets, ticketsIn } from "./tickets.mjs";

const port = Number(process.env.PORT ?? 8080);

createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://desk");
  if (request.method !== "GET" || url.pathname !== "/tickets") {
    response.writeHead(404).end();
    return;
  }
  const state = url.searchParams.get("state");
  const tickets = state === null ? await allTickets() : await ticketsIn(state);
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(tickets));
}).listen(port, "127.0.0.1");
