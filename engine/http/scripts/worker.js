// Shows the pushes of Perennial. In the shop's own service worker, one line is enough:
//   importScripts("https://news.shop.example/push/worker.js");
"use strict";

self.addEventListener("push", (event) => {
  let message = {};
  try {
    message = event.data ? event.data.json() : {};
  } catch {
    message = { body: event.data.text() };
  }
  // The same tag for the same message: a copy takes the place of the one before it.
  event.waitUntil(
    self.registration.showNotification(message.title || "", {
      body: message.body || "",
      image: message.image || undefined,
      tag: message.tag || undefined,
      data: { url: message.url || "" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = event.notification.data && event.notification.data.url;
  if (url) event.waitUntil(self.clients.openWindow(url));
});
