// Subscribes this browser to the pushes of a shop:
//   <script src="https://news.shop.example/push/client.js"></script>
//   button.onclick = () => perennialPush.subscribe({ customer: "c1042", proof: "...", worker: "/sw.js" });
// `proof` comes from the shop's server: HMAC-SHA256 of the customer's id with the channel's identity_key, in hex.
"use strict";

window.perennialPush = (() => {
  const home = new URL(document.currentScript.src).origin;
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

  async function tell(method, customer, proof, subscription, wording) {
    const answer = await fetch(`${home}/push/subscriptions`, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ customer_id: customer, proof, subscription, wording }),
    });
    if (!answer.ok) throw new Error((await answer.json()).title);
  }

  // Asks for permission (call it from a click), and tells the shop. `wording`: what the customer agreed to.
  async function subscribe({ customer, proof, worker = "/sw.js", wording = "" }) {
    const registration = await navigator.serviceWorker.register(worker);
    await navigator.serviceWorker.ready;
    const { key } = await (await fetch(`${home}/push/key`)).json();
    const subscription = await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: bytes(key),
    });
    await tell("POST", customer, proof, subscription.toJSON(), wording);
    return subscription;
  }

  async function unsubscribe({ customer, proof }) {
    const registration = await navigator.serviceWorker.getRegistration();
    const subscription = registration && (await registration.pushManager.getSubscription());
    if (!subscription) return;
    await tell("DELETE", customer, proof, subscription.toJSON(), "");
    await subscription.unsubscribe();
  }

  return { subscribe, unsubscribe };
})();
