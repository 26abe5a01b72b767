// Relative, so that the page also works behind a proxy that serves the worker under a path.
// `validatorUrl: null`: Swagger UI would show a badge of its own host.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#reference", deepLinking: true, validatorUrl: null });
