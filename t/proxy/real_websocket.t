# t/proxy/real_websocket.t - a Node application that speaks WebSocket, as Debian packages its library, behind Weir
use Site;
use File::Temp qw(tempdir);
use IO::Socket::UNIX;

my ($node) = grep { -x } map { "$_/node" } split /:/, $ENV{PATH};
unless ($node && -e '/usr/share/nodejs/ws/package.json') {
    ok 1, '# skip node with its ws library is not installed';
    done_testing;
    exit 0;
}
$ENV{NODE_PATH} = '/usr/share/nodejs';
my $dir = tempdir('weir-node-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0777, $dir;

sub write_file ($name, $text) {
    open my $file, '>', "$dir/$name" or die "$dir/$name: $!";
    print $file $text;
    close $file;
}

# Echoes; pushes on request; answers ordinary requests beside.
write_file('app.js', <<"JS");
const http = require('http'), fs = require('fs'), { WebSocketServer } = require('ws');
const server = http.createServer((request, response) => {
    response.end(request.method + ' ' + request.url);
});
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, handleProtocols: all => [...all][0] });
server.on('upgrade', (request, socket, head) => {
    if (request.url === '/refused') {
        socket.end('HTTP/1.1 403 Forbidden\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nno');
        return;
    }
    sockets.handleUpgrade(request, socket, head, ws => {
        ws.on('message', (data, binary) => {
            const text = data.toString();
            if (text === 'push') { for (let i = 0; i < 100; i++) ws.send('push ' + i); }
            else if (text === 'bye') ws.close(4001, 'as asked');
            else if (text === 'die') process.exit(0);
            else if (text === 'url') ws.send(request.url + ' ' + request.headers.host + ' ' + request.headers['x-own']);
            else ws.send(data, { binary });
        });
    });
});
server.listen('$dir/app.sock', () => fs.chmodSync('$dir/app.sock', 0o666));
JS

# Prints "ok NAME" or "not ok NAME" for each thing it tries; ends by itself.
write_file('client.js', <<'JS');
const WebSocket = require('ws'), crypto = require('crypto');
const at = process.argv[2], options = { headers: { 'X-Own': 'mine' } };
const check = (good, name) => console.log((good ? 'ok ' : 'not ok ') + name);
const next = (ws, event) => new Promise(done => ws.once(event, (...all) => done(all)));
const ask = async (ws, data) => { const answer = next(ws, 'message'); ws.send(data); return (await answer)[0]; };
(async () => {
    let ws = new WebSocket(at + '/some/path?a=b', ['chat', 'other'], options);
    await next(ws, 'open');
    check(ws.protocol === 'chat', 'a protocol is agreed on');
    check(ws.extensions.startsWith('permessage-deflate'), 'compression too');
    check((await ask(ws, 'url')).toString() === '/some/path?a=b 127.0.0.1 mine', 'the application sees the request');
    check((await ask(ws, 'hello')).toString() === 'hello', 'an echo');
    for (const size of [0, 1, 125, 126, 65535, 65536, 500000]) {
        const data = crypto.randomBytes(size);
        check(data.equals(await ask(ws, data)), size + ' bytes there and back');
    }
    const pong = next(ws, 'pong');
    ws.ping('are you there');
    check((await pong)[0].toString() === 'are you there', 'ping and pong');
    let pushed = 0;
    const all = new Promise(done => ws.on('message', () => { if (++pushed === 100) done(); }));
    ws.send('push');
    await all;
    check(pushed === 100, 'what the application pushes');
    const closed = next(ws, 'close');
    ws.send('bye');
    const [code, why] = await closed;
    check(code === 4001 && why.toString() === 'as asked', 'the application closes with a code');
    const many = [];
    for (let i = 0; i < 50; i++) { const one = new WebSocket(at + '/' + i, options); many.push(one); }
    await Promise.all(many.map(one => next(one, 'open')));
    const answers = await Promise.all(many.map((one, i) => ask(one, 'number ' + i)));
    check(answers.every((answer, i) => answer.toString() === 'number ' + i), 'fifty at once');
    await Promise.all(many.map(one => { const end = next(one, 'close'); one.close(1000); return end; }));
    check(true, 'all closed by the client');
    ws = new WebSocket(at + '/refused', options);
    const [, response] = await next(ws, 'unexpected-response');
    check(response.statusCode === 403, 'a handshake that is refused');
    ws.on('error', () => {});
    response.destroy();
    ws = new WebSocket(at + '/last', options);
    await next(ws, 'open');
    const end = next(ws, 'close');
    ws.send('die');
    check((await end)[0] === 1006, 'an application that dies');
    process.exit(0);
})().catch(error => { check(false, error.stack.replace(/\n/g, ' ')); process.exit(1); });
JS

my $app;
sub start_app () {
    unlink "$dir/app.sock";
    $app = fork // die "fork: $!";
    if ($app == 0) {
        Procs::die_with_parent();
        open STDOUT, '>', "$dir/out.log";
        open STDERR, '>&', \*STDOUT;
        exec $node, "$dir/app.js" or POSIX::_exit(127);
    }
    # It listens, and everybody may connect: it says so afterwards.
    wait_until { IO::Socket::UNIX->new(Peer => "$dir/app.sock") && ((stat "$dir/app.sock")[2] & 0666) == 0666 } 'the application listens';
}
END { local $?; if ($app) { kill TERM => $app; waitpid $app, 0 } }

my %config = (
    'without a word of WebSocket' => "proxy_set_header Host \$host; proxy_set_header X-Own \$http_x_own;",
    'as documented for nginx' => 'proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
    'unbuffered, with keep-alive' => 'proxy_buffering off; proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;',
);
for my $name (sort keys %config) {
    next if !is_weir && $name =~ /without/;
    start_app();
    my $site = Site->start(<<"CONF");
        map \$http_upgrade \$connection_upgrade { default upgrade; '' ''; }
        upstream app { server unix:$dir/app.sock; keepalive 4; }
        server { listen %PORT%; server_name localhost; location / { $config{$name} proxy_pass http://app; } }
CONF
    note $name;
    is $site->get('/plain')->body, 'GET /plain', "$name: an ordinary request";
    my @said = `$node $dir/client.js ws://127.0.0.1:@{[$site->port]} 2>&1`;
    is $? >> 8, 0, 'the client ended well';
    for (@said) {
        chomp;
        ok s/\Aok //, "$name: " . s/\Anot ok //r;
    }
    is scalar @said, 18, 'all of it was tried';
    waitpid $app, 0;
    $app = 0;
    $site->allow_log(qr/prematurely|recv|connect/);
    $site->stop;
}
done_testing;
