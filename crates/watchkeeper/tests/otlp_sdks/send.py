"""Sends a hundred log records with OpenTelemetry's SDK for Python: send.py grpc|http ADDRESS"""

import sys
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

way, address = sys.argv[1:]
if way == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

    exporter = OTLPLogExporter(endpoint=address, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    exporter = OTLPLogExporter(endpoint=f"{address}/v1/logs")

provider = LoggerProvider(resource=Resource.create({"service.name": f"python-{way}"}))
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = provider.get_logger("walk", "1.2")
for number in range(100):
    logger.emit(
        LogRecord(
            timestamp=time.time_ns(),
            observed_timestamp=time.time_ns(),
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body=f"order {number} of café\n  and more",
            attributes={"order": number, "is.late": True, "price": 1.5, "tags": ["a", "b"]},
        )
    )
provider.shutdown()
