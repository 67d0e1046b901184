// An HTTP server of Node.js that writes down each request that it handles, and each that it cannot read.
const fs = require('node:fs');
const http = require('node:http');

const seen = fs.openSync(process.env.SEEN, 'a');

const server = http.createServer({ keepAliveTimeout: 60000, maxHeaderSize: 65536 }, (request, response) => {
  const name = request.headers['x-request-id'] ?? '-';
  const marker = request.headers['x-marker'] ?? '-';
  const line = `${name} ${request.method} ${request.url} HTTP/${request.httpVersion} ${marker}\n`;
  fs.writeSync(seen, line, null, 'latin1');
  request.resume();
  request.on('end', () => {
    response.setHeader('X-Seen-Id', name);
    response.end('ok');
  });
});

server.on('clientError', (error, socket) => {
  // A message that breaks off is no fault of its bytes: the gateway gives up what its client gives up.
  if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') {
    fs.writeSync(seen, `- ${error.code}\n`);
  }
  socket.destroy();
});

server.listen(Number(process.argv[2]), '127.0.0.1');
