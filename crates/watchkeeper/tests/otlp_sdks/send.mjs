// Sends a hundred log records with OpenTelemetry's SDK for Node: send.mjs grpc|http|json ADDRESS, with the packages in the folder it runs in.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");

const [way, address] = process.argv.slice(2);
const packages = { grpc: "grpc", http: "proto", json: "http" };
const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${packages[way]}`);
const exporter = new OTLPLogExporter({ url: way === "grpc" ? address : `${address}/v1/logs` });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ "service.name": `node-${way}` }),
  processors: [new BatchLogRecordProcessor({ exporter })],
});
const logger = provider.getLogger("walk", "1.2");
for (let number = 0; number < 100; number++) {
  logger.emit({
    severityNumber: SeverityNumber.WARN,
    severityText: "WARN",
    body: `order ${number} of café\n  and more`,
    attributes: { order: number, "is.late": true, price: 1.5, tags: ["a", "b"] },
  });
}
await provider.forceFlush();
await provider.shutdown();
