// Turns the plain list of the page into Swagger UI; validatorUrl off, or it would ask an outside host about our document.
const place = document.getElementById("reference");
SwaggerUIBundle({ url: place.dataset.openapi, domNode: place, validatorUrl: null, deepLinking: false, tryItOutEnabled: false, supportedSubmitMethods: [] });
