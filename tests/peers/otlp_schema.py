"""Reads a batch of spans by the published schema of OTLP, which knows no other fields."""

import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

with open(sys.argv[1], encoding="utf-8") as file:
    batch = json_format.Parse(file.read(), ExportTraceServiceRequest())
spans = [span for resource in batch.resource_spans for scope in resource.scope_spans for span in scope.spans]
assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in spans)
print(len(spans), "span" if len(spans) == 1 else "spans")
