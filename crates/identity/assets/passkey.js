// The only script of these pages. It hands a form's challenge to the browser's own dialog for passkeys, writes the answer
// into the form's hidden fields and sends the form. What the answer is worth is judged by the server.
"use strict";

(() => {
  const bytes = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  };
  const text = (buffer) => {
    const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
    return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };

  const ceremonies = {
    async get(form) {
      const { challenge, party } = form.dataset;
      const publicKey = { challenge: bytes(challenge), rpId: party, userVerification: "required", timeout: 300000 };
      const { rawId, response } = await navigator.credentials.get({ publicKey });
      return {
        id: text(rawId),
        client_data: text(response.clientDataJSON),
        authenticator_data: text(response.authenticatorData),
        signature: text(response.signature),
        user_handle: response.userHandle ? text(response.userHandle) : "",
      };
    },

    async create(form) {
      const { challenge, party, partyName, handle, name, displayName, exclude, algorithms } = form.dataset;
      const publicKey = {
        challenge: bytes(challenge),
        rp: { id: party, name: partyName },
        user: { id: bytes(handle), name, displayName },
        pubKeyCredParams: algorithms.split(" ").map((alg) => ({ type: "public-key", alg: Number(alg) })),
        excludeCredentials: exclude.split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: bytes(id) })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        attestation: "none",
        timeout: 300000,
      };
      const { response } = await navigator.credentials.create({ publicKey });
      return { client_data: text(response.clientDataJSON), attestation: text(response.attestationObject) };
    },
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("[data-needs-script]");
    const told = form.querySelector("[data-told]");
    form.querySelector("[data-without-script]").hidden = true;
    const tell = (message) => {
      told.textContent = message;
      told.hidden = false;
    };
    if (!window.PublicKeyCredential) {
      tell(form.dataset.unsupported);
      continue;
    }
    button.disabled = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      told.hidden = true;
      try {
        const answer = await ceremonies[form.dataset.passkey](form);
        for (const [name, value] of Object.entries(answer)) {
          form.elements.namedItem(name).value = value;
        }
        form.submit();
      } catch {
        tell(form.dataset.cancelled);
        button.disabled = false;
      }
    });
  }
})();
