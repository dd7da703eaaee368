import { engineEndpointTries } from "../cross-boundary/engine-endpoint.ts";
import { addressFormTries } from "./address-form.ts";
import { dataFlowTries } from "./data-flow.ts";
import { dnsChannelTries } from "./dns-channel.ts";
import { dnsResolutionTries } from "./dns-resolution.ts";
import { egressMapTries } from "./egress-map.ts";
import { hostGatewayTries } from "./host-gateway.ts";
import { kubernetesApiTries } from "./kubernetes-api.ts";
import { metadataResponderTries } from "./metadata-responder.ts";
import { neighbourTries } from "./neighbour.ts";
import { outboundOtherTries } from "./outbound-other.ts";
import { outboundTcpTries } from "./outbound-tcp.ts";
import { proxyIgnoredTries } from "./proxy-ignored.ts";
import { relayTries } from "./relay.ts";
import type { SimulatedInternet, Try } from "./try.ts";

/** What all checks together try; the inside makes the attempts, and the outside knows by this what to look for. */
export function everyTry(internet: SimulatedInternet): Try[] {
  return [
    ...dnsResolutionTries(internet),
    ...dnsChannelTries(),
    ...outboundTcpTries(internet),
    ...dataFlowTries(internet),
    ...outboundOtherTries(internet),
    ...addressFormTries(internet),
    ...proxyIgnoredTries(internet),
    ...metadataResponderTries(),
    ...hostGatewayTries(internet),
    ...engineEndpointTries(internet),
    ...neighbourTries(internet),
    ...kubernetesApiTries(),
    ...egressMapTries(internet),
    ...relayTries(internet),
  ];
}
