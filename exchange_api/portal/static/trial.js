// Why: the API is understood by asking it once. Signs a question in the profile hutong-9421/1 for an application in testing, with a key that is made here and
// whose private part cannot leave the browser; sends it, checks the hub's signature over the answer, and puts the receipt together.
"use strict";
(() => {
  const place = document.getElementById("trial");
  if (!place) return;
  const say = place.dataset;
  const at = (id) => document.getElementById(id);
  const COVERED = ["@method", "@authority", "@path", "@query", "content-type", "content-digest", "x-request-id"];
  const ASKED = ["content-type", "content-digest", "x-request-id", "signature-input", "signature"];
  const TOLD = ["content-type", "content-digest", "x-request-id", "x-receipt", "signature-input", "signature"];
  const EC = { name: "ECDSA", namedCurve: "P-256" };
  const SIGN = { name: "ECDSA", hash: "SHA-256" };
  const bytes = (text) => new TextEncoder().encode(text);
  const base64 = (data) => btoa(String.fromCharCode(...new Uint8Array(data)));
  const base64url = (data) => base64(data).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const unbase64 = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const digest = async (data) => `sha-256=:${base64(await crypto.subtle.digest("SHA-256", data))}:`;
  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
  const canonical = (value) => {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  };
  const keys = new Map();

  const makeKey = async () => {
    const pair = await crypto.subtle.generateKey(EC, false, ["sign", "verify"]);
    const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const jwk = { crv, kty, x, y };
    const keyid = base64url(await crypto.subtle.digest("SHA-256", bytes(canonical(jwk))));
    const form = new URLSearchParams({ csrf_token: say.token, key: JSON.stringify(jwk) });
    const address = `/portal/applications/${encodeURIComponent(say.application)}/trial-key`;
    const answer = await fetch(address, { method: "POST", body: form, redirect: "error" });
    if (!answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      throw new Error(say.keyRefused + (page.querySelector("main h1, main strong") || page.body).textContent.trim());
    }
    return { keyid, sign: pair.privateKey };
  };

  const signed = async (key, path, query, body) => {
    const headers = { "content-type": "application/json", "content-digest": await digest(bytes(body)), "x-request-id": crypto.randomUUID() };
    const created = Math.floor(Date.now() / 1000);
    const nonce = base64url(crypto.getRandomValues(new Uint8Array(18)));
    const covered = `(${COVERED.map((name) => `"${name}"`).join(" ")})`;
    const params = `${covered};created=${created};keyid="${key.keyid}";expires=${created + 300};nonce="${nonce}";tag="hub-req"`;
    const derived = { "@method": "POST", "@authority": location.host.toLowerCase(), "@path": path, "@query": `?${query}` };
    const lines = COVERED.map((name) => `"${name}": ${derived[name] ?? headers[name]}`);
    const base = `${lines.join("\n")}\n"@signature-params": ${params}`;
    headers["signature-input"] = `sig1=${params}`;
    headers.signature = `sig1=:${base64(await crypto.subtle.sign(SIGN, key.sign, bytes(base)))}:`;
    return { method: "POST", authority: derived["@authority"], path, query, headers, body, base };
  };

  // the base of the hub's signature, made from the components that the signature names (RFC 9421 §2.4, §2.5)
  const answerBase = (asked, told, params) => {
    const value = (component) => {
      const [, name, rest] = component.match(/^"([^"]+)"(.*)$/);
      if (name === "@status") return String(told.status);
      if (!rest.includes(";req")) return told.headers[name];
      if (name === "signature") return asked.headers.signature.slice("sig1=".length);
      return { "@method": asked.method, "@authority": asked.authority, "@path": asked.path, "@query": `?${asked.query}` }[name] ?? asked.headers[name];
    };
    const components = params.slice(1, params.indexOf(")")).split(" ");
    return `${components.map((one) => `${one}: ${value(one)}\n`).join("")}"@signature-params": ${params}`;
  };

  const isGood = async (asked, told) => {
    const [, params] = (told.headers["signature-input"] || "").match(/(?:^|, )hub=(\([^)]*\)[^,]*)/) || [];
    const [, signature] = (told.headers.signature || "").match(/(?:^|, )hub=:([^:]+):/) || [];
    if (!params || !signature || (await digest(bytes(told.body))) !== told.headers["content-digest"]) return false;
    if (!params.includes('"signature";req;key="sig1"')) return false;
    const published = (await (await fetch("/.well-known/jwks.json")).json()).keys;
    const jwk = published.find((one) => params.includes(`keyid="${one.kid}"`));
    if (!jwk) return false;
    const way = jwk.kty === "OKP" ? { name: "Ed25519" } : SIGN;
    const { kty, crv, x, y } = jwk;
    let key;
    try {
      key = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, jwk.kty === "OKP" ? way : EC, false, ["verify"]);
    } catch { return null; }
    return crypto.subtle.verify(way, key, unbase64(signature), bytes(answerBase(asked, told, params)));
  };

  const kept = (headers, names) => Object.fromEntries(names.filter((name) => headers[name]).map((name) => [name, headers[name]]));

  const receipt = async (asked, told) => {
    for (let turn = 0; turn < 20; turn += 1) {
      const answer = await fetch(`/v1/receipts/${told.headers["x-receipt"]}`, { credentials: "omit" });
      if (answer.ok) {
        const request = { method: asked.method, authority: asked.authority, path: asked.path, query: asked.query, headers: kept(asked.headers, ASKED), body: { text: asked.body } };
        const response = { status: told.status, headers: kept(told.headers, TOLD), body: { text: told.body } };
        return `${canonical({ format: "hutong-receipt/1", request, response, ...(await answer.json()) })}\n`;
      }
      await pause(1000);
    }
    return null;
  };

  const shown = (headers) => Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join("\n");
  const pretty = (text) => { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; } };

  const offer = (text) => {
    const file = new File([text], "receipt.json", { type: "application/json" });
    const files = new DataTransfer();
    files.items.add(file);
    at("receipt-file").files = files.files;
    at("receipt-save").href = URL.createObjectURL(file);
    at("to-verify").hidden = false;
  };

  const send = async () => {
    const { path, query } = at("operation").selectedOptions[0].dataset;
    if (!keys.has(say.application)) keys.set(say.application, await makeKey());
    const asked = await signed(keys.get(say.application), path, query, at("body").value);
    const target = `${path}${query ? `?${query}` : ""}`;
    at("wire-request").textContent = `POST ${target} HTTP/1.1\nhost: ${asked.authority}\n${shown(asked.headers)}\n\n${asked.body}`;
    at("wire-base").textContent = asked.base;
    const answer = await fetch(target, { method: "POST", headers: asked.headers, body: asked.body, credentials: "omit", redirect: "error" });
    const told = { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
    at("wire-status").textContent = String(told.status);
    at("wire-status").className = `tag ${answer.ok ? "green" : "amber"}`;
    at("wire-response").textContent = `${shown(told.headers)}\n\n${pretty(told.body)}`;
    const good = await isGood(asked, told);
    at("wire-verdict").textContent = good === null ? say.unknown : good ? say.good : say.bad;
    at("wire-verdict").className = `alert ${good ? "good" : good === null ? "" : "bad"}`;
    at("to-verify").hidden = true;
    at("wire-receipt").textContent = `${told.headers["x-receipt"]} · ${say.waiting}`;
    at("trial-steps").hidden = false;
    at("trial-said").textContent = say.done;
    const file = await receipt(asked, told);
    at("wire-receipt").textContent = `${told.headers["x-receipt"]} · ${file ? say.ready : say.late}`;
    if (file) offer(file);
  };

  at("operation").addEventListener("change", () => { at("body").value = at("operation").selectedOptions[0].dataset.body; });
  at("send").addEventListener("click", async () => {
    if (!crypto.subtle) { at("trial-said").textContent = say.noCrypto; return; }
    at("send").disabled = true;
    at("trial-said").textContent = say.busy;
    try {
      await send();
    } catch (wrong) {
      at("trial-said").textContent = wrong instanceof TypeError ? say.offline : wrong.message;
    }
    at("send").disabled = false;
  });
})();
