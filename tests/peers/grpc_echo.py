"""gRPC, all four kinds of call, without generated code: `serve` prints its port, `call` goes through a gateway.

Arguments of `call`: port, CA file, field name and value of a credential.
"""

import sys
from concurrent import futures

import grpc

METHOD = "/echo.Echo/"


def refuse(request, context):
    context.set_trailing_metadata((("reason", "asked-for"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "refused as asked")


def echo(request, context):
    told = dict(context.invocation_metadata())
    for name, value in (("x-forwarded-host", "localhost"), ("x-forwarded-proto", "https"), ("x-forwarded-for", "127.0.0.1")):
        assert told[name] == value, told
    assert len(told["x-request-id"]) == 32 and "x-api-key" not in told, told
    return request


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(echo),
    "Refused": grpc.unary_unary_rpc_method_handler(refuse),
    "Split": grpc.unary_stream_rpc_method_handler(lambda request, context: (request[at : at + 1] for at in range(len(request)))),
    "Join": grpc.stream_unary_rpc_method_handler(lambda requests, context: b"".join(requests)),
    "Both": grpc.stream_stream_rpc_method_handler(lambda requests, context: (one[::-1] for one in requests)),
}


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", HANDLERS),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def call(port, ca, name, value):
    with open(ca, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    metadata = ((name.lower(), value),)
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        assert channel.unary_unary(METHOD + "Unary")(b"hello", metadata=metadata) == b"hello"
        assert list(channel.unary_stream(METHOD + "Split")(b"abc", metadata=metadata)) == [b"a", b"b", b"c"]
        assert channel.stream_unary(METHOD + "Join")(iter([b"x"] * 1000), metadata=metadata) == b"x" * 1000
        talk = channel.stream_stream(METHOD + "Both")(iter([b"12", b"34", b"5" * 100_000]), metadata=metadata)
        assert list(talk) == [b"21", b"43", b"5" * 100_000]
        try:
            channel.unary_unary(METHOD + "Refused")(b"", metadata=metadata)
            raise AssertionError("the call was not refused")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
            assert ("reason", "asked-for") in error.trailing_metadata(), error
        try:
            channel.unary_unary(METHOD + "Unary")(b"hello")
            raise AssertionError("a call without a credential went through")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    print("5 kinds of call")


serve() if sys.argv[1] == "serve" else call(*sys.argv[2:])
