package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// StartTracing returns a tracer that sends spans to an OTLP/HTTP endpoint (a URL such as
// http://collector:4318) by the client, and the function that sends what is left and ends
// it. An endpoint that is away costs spans, never requests.
func StartTracing(ctx context.Context, client *http.Client, endpoint, version string) (trace.Tracer, func(context.Context) error, error) {
	// The endpoint is a base (OpenTelemetry's OTEL_EXPORTER_OTLP_ENDPOINT); the exporter
	// takes the URL of the signal.
	signal, err := url.JoinPath(endpoint, "v1", "traces")
	if err != nil {
		return nil, nil, fmt.Errorf("the endpoint for traces is no URL: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(signal), otlptracehttp.WithHTTPClient(client))
	if err != nil {
		return nil, nil, fmt.Errorf("traces cannot be sent to the configured endpoint: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "strongroom"), attribute.String("service.version", version))),
	)
	return provider.Tracer("strongroom"), provider.Shutdown, nil
}
