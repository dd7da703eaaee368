/** Runs once before the suites: what they need is installed by the project's own set-up, so here it is only asked for. */
export default function setup(): void {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 24) throw new Error(`the tests need Node 24, this is ${process.version}: run them with npm test`);
}
