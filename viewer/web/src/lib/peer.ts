/** Playout delay is ours to keep low: the server paces the frames. */
export function noDelay(receiver: RTCRtpReceiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
}

/** Makes the local offer final: without trickle the offer waits for its candidates. */
export async function completeOffer(pc: RTCPeerConnection): Promise<string> {
  await pc.setLocalDescription(await pc.createOffer());
  // The server is ICE lite with host candidates: it learns ours from the checks, so none need be awaited.
  return pc.localDescription?.sdp ?? "";
}
