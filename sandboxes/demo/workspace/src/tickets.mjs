import { readFile, writeFile } from "node:fs/promises";

const FILE = new URL("../data/tickets.json", import.meta.url);

/** All tickets, oldest first. */
export async function allTickets() {
  return JSON.parse(await readFile(FILE, "utf8"));
}

/** Tickets in one state, `open` or `closed`. */
export async function ticketsIn(state) {
  return (await allTickets()).filter((ticket) => ticket.state === state);
}

/** Closes one ticket; undefined when there is none with this number. */
export async function closeTicket(id) {
  const tickets = await allTickets();
  const ticket = tickets.find((candidate) => candidate.id === id);
  if (ticket === undefined) return undefined;
  ticket.state = "closed";
  await writeFile(FILE, `${JSON.stringify(tickets, null, 2)}\n`);
  return ticket;
}
