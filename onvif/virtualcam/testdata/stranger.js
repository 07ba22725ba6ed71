// Talks to virtual cameras through the npm package onvif, which nobody here
// wrote. Arguments: the folder that holds node_modules, and a JSON list of
// {port, username, password, path}. Prints JSON: what was discovered on
// loopback and what each camera said.
const { createRequire } = require('node:module');
const http = require('node:http');
const crypto = require('node:crypto');

const onvif = createRequire(process.argv[2] + '/')('onvif');
const cameras = JSON.parse(process.argv[3]);

const call = (object, method, ...args) => new Promise((resolve, reject) =>
  object[method](...args, (err, data) => (err ? reject(new Error(`${method}: ${err.message ?? err}`)) : resolve(data))));

const get = (url, headers) => new Promise((resolve, reject) =>
  http.get(url, { headers }, (res) => {
    const parts = [];
    res.on('data', (p) => parts.push(p));
    res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
  }).on('error', reject));

const md5 = (s) => crypto.createHash('md5').update(s).digest('hex');

// The package leaves fetching the picture to its caller: HTTP Digest, RFC 7616.
async function snapshot(uri, { username, password }) {
  const asked = await get(uri);
  const field = (name) => new RegExp(`${name}="([^"]*)"`).exec(asked.headers['www-authenticate'])[1];
  const [realm, nonce, path] = [field('realm'), field('nonce'), new URL(uri).pathname];
  const response = md5(`${md5(`${username}:${realm}:${password}`)}:${nonce}:00000001:abc:auth:${md5(`GET:${path}`)}`);
  const got = await get(uri, { Authorization: `Digest username="${username}", realm="${realm}", nonce="${nonce}", uri="${path}", qop=auth, nc=00000001, cnonce="abc", response="${response}"` });
  return { status: got.status, jpeg: got.body.toString('base64') };
}

async function visit(camera) {
  const cam = new onvif.Cam({ hostname: '127.0.0.1', timeout: 5000, autoconnect: false, ...camera });
  await call(cam, 'connect');
  const [information, profiles, stream, picture] = [
    await call(cam, 'getDeviceInformation'), await call(cam, 'getProfiles'),
    await call(cam, 'getStreamUri', { protocol: 'RTSP', profileToken: 'main' }), await call(cam, 'getSnapshotUri', { profileToken: 'main' })];
  const configurations = await call(cam, 'getVideoEncoderConfigurations');
  const interfaces = await call(cam, 'getNetworkInterfaces');
  const event = new Promise((resolve) => cam.on('event', (message) => {
    cam.removeAllListeners('event');
    resolve(message.topic._);
  }));
  console.error('listening ' + camera.port);
  return {
    serial: information.serialNumber, stream: stream.uri, snapshot: await snapshot(picture.uri, camera), event: await event,
    profiles: profiles.map((p) => ({ token: p.$.token, encoding: p.videoEncoderConfiguration.encoding, width: p.videoEncoderConfiguration.resolution.width })),
    configurations: configurations.length, interface: interfaces.IPv4?.config?.manual?.address ?? interfaces[0]?.IPv4?.config?.manual?.address,
  };
}

(async () => {
  onvif.Discovery.on('error', () => {}); // other answers on this machine are not ours to judge
  const found = await new Promise((resolve, reject) =>
    onvif.Discovery.probe({ device: 'lo', timeout: 2000, resolve: false }, (err, list) =>
      (err && !list ? reject(err) : resolve(list ?? []))));
  const said = [];
  for (const camera of cameras) said.push(await visit(camera));
  console.log(JSON.stringify({ found: found.map((f) => f.probeMatches.probeMatch.XAddrs), said }));
  process.exit(0);
})().catch((err) => { console.error(err.stack); process.exit(1); });
