"use strict";

unpacked("packed").then(({ samples, duplicates, leaks }) => {
  showPairs(byId("duplicate-pairs"), duplicates);
  showPairs(byId("leak-pairs"), leaks);
  browse(samples);
  document.body.dataset.ready = "true";
}).catch((error) => {
  byId("count").textContent = `The samples cannot be shown in this browser: ${error.message}`;
  throw error;
});
