"""t/grpc/peer.py - a real gRPC server and client, for real.t: no messages but bytes, all four shapes.

    peer.py serve PORT TLS_PORT KEY CERTIFICATE      prints "ready" and serves until its input ends
    peer.py call TARGET [CA [NAME]]                  prints "ok - ..." or "not ok - ..." for each thing tried
"""
import sys
import threading
import time
from concurrent import futures

import grpc

ECHO, SUM, LIST, CHAT, FAIL, SLOW, META = ('/t.S/' + n for n in ('Echo', 'Sum', 'List', 'Chat', 'Fail', 'Slow', 'Meta'))


def meta(request, context):
    given = dict(context.invocation_metadata())
    context.send_initial_metadata((('x-first', given.get('x-mine', '-')), ('x-raw-bin', given.get('x-raw-bin', b'-'))))
    context.set_trailing_metadata((('x-last', given.get('x-mine', '-')),))
    return b'meta'


def total(requests, context):
    return b'%d' % sum(len(r) for r in requests)


def listing(request, context):
    for i in range(int(request)):
        yield b'%d' % i * 1000


def chat(requests, context):
    for r in requests:
        yield b'heard ' + r


def fail(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, 'not today: 50% \u00e4')


def slow(request, context):
    over = threading.Event()
    if context.add_callback(over.set):
        over.wait(60)
    return b'late'


class Handler(grpc.GenericRpcHandler):
    methods = {
        ECHO: grpc.unary_unary_rpc_method_handler(lambda r, c: r), META: grpc.unary_unary_rpc_method_handler(meta),
        SUM: grpc.stream_unary_rpc_method_handler(total), LIST: grpc.unary_stream_rpc_method_handler(listing),
        CHAT: grpc.stream_stream_rpc_method_handler(chat), FAIL: grpc.unary_unary_rpc_method_handler(fail),
        SLOW: grpc.unary_unary_rpc_method_handler(slow),
    }

    def service(self, details):
        return self.methods.get(details.method)


def serve(port, tls_port, key, certificate):
    server = grpc.server(futures.ThreadPoolExecutor(64), (Handler(),))
    server.add_insecure_port('127.0.0.1:' + port)
    read = lambda path: open(path, 'rb').read()
    server.add_secure_port('127.0.0.1:' + tls_port, grpc.ssl_server_credentials([(read(key), read(certificate))]))
    server.start()
    print('ready', flush=True)
    sys.stdin.read()
    server.stop(None)


def say(good, what, got=''):
    print(f'{"ok" if good else "not ok"} - {what}' + ('' if good else f' # {got!r}'), flush=True)


def call(target, ca=None, name=None):
    options = [('grpc.ssl_target_name_override', name)] if name else []
    channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(open(ca, 'rb').read()), options) if ca \
        else grpc.insecure_channel(target)
    echo = channel.unary_unary(ECHO)
    say(echo(b'hello', timeout=60) == b'hello', 'unary')
    big = bytes(range(256)) * 4000
    say(echo(big, timeout=60) == big, 'a message of a megabyte, both ways')
    say(echo(b'', timeout=60) == b'', 'an empty one')
    got = channel.stream_unary(SUM)((b'x' * n for n in range(300)), timeout=60)
    say(got == b'%d' % sum(range(300)), 'client streaming', got)
    got = list(channel.unary_stream(LIST)(b'200', timeout=60))
    say(got == [b'%d' % i * 1000 for i in range(200)], 'server streaming', len(got))

    turn, said = threading.Semaphore(0), []

    def asks():
        for i in range(50):
            yield b'%d' % i
            turn.acquire()
    for answer in channel.stream_stream(CHAT)(asks(), timeout=60):
        said.append(answer)
        turn.release()
    say(said == [b'heard %d' % i for i in range(50)], 'both at once, in turns', len(said))

    answer, info = channel.unary_unary(META).with_call(b'', timeout=60, metadata=(('x-mine', 'abc'), ('x-raw-bin', b'\0\xff')))
    first, last = dict(info.initial_metadata()), dict(info.trailing_metadata())
    say((answer, first.get('x-first'), first.get('x-raw-bin'), last.get('x-last')) == (b'meta', 'abc', b'\0\xff', 'abc'), 'metadata', (first, last))

    def status(method, **more):
        try:
            return channel.unary_unary(method)(b'', **more)
        except grpc.RpcError as e:
            return e.code().name, e.details()
    got = status(FAIL, timeout=60)
    say(got == ('FAILED_PRECONDITION', 'not today: 50% \u00e4'), 'a status and its message', got)
    got = status('/t.S/None', timeout=60)
    say(got[0] == 'UNIMPLEMENTED', 'a method that is not there', got)
    began = time.monotonic()
    got = status(SLOW, timeout=0.2)
    say(got[0] == 'DEADLINE_EXCEEDED' and time.monotonic() - began < 30, 'a deadline', got)
    many = [echo.future(b'%d' % i, timeout=60) for i in range(500)]
    say([f.result() for f in many] == [b'%d' % i for i in range(500)], 'five hundred at once')
    chat_call = channel.stream_stream(CHAT)(iter([b'x']), timeout=60)
    next(chat_call)
    chat_call.cancel()
    say(echo(b'after', timeout=60) == b'after', 'a call that was cancelled disturbs no other')
    channel.close()


{'serve': serve, 'call': call}[sys.argv[1]](*sys.argv[2:])
