// Somebody who logs in and answers what they are asked, with plain forms and without a browser.
export class Person {
  #cookies = new Map();

  constructor(issuer, name, password) {
    Object.assign(this, { issuer, name, password });
  }

  async #fetch(url, form) {
    const headers = { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    const body = form && new URLSearchParams(form);
    const response = await fetch(url, { method: form ? "POST" : "GET", headers, body, redirect: "manual" });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      this.#cookies.set(name, value);
    }
    const location = response.headers.get("location");
    return { status: response.status, location: location && new URL(location, url).href, text: await response.text() };
  }

  // The fields of the form that is sent to a path.
  #fields(text, action) {
    const form = text.split("<form ").find((part) => part.includes(`action="${action}"`));
    if (!form) throw new Error(`no form for ${action}: ${text}`);
    const plain = (value) => value.replace(/&#38;|&amp;/g, "&").replace(/&#34;|&quot;/g, '"').replace(/&#39;/g, "'");
    const inputs = form.split("</form>")[0].matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
    return Object.fromEntries([...inputs].map(([, name, value]) => [name, plain(value)]));
  }

  // Goes where a client sends them, logs in if asked, and says yes or no; gives where they are sent back to.
  async answer(url, decision = "allow") {
    let at = { location: String(url) };
    for (let steps = 0; steps < 10; steps++) {
      if (at.location && !at.location.startsWith(this.issuer)) return at.location;
      const here = at.location;
      at = await this.#fetch(here);
      if (at.location) continue;
      const action = ["/login", "/oauth2/consent", "/device"].find((path) => at.text.includes(`action="${path}"`));
      if (!action) return { status: at.status, text: at.text };
      const fields = this.#fields(at.text, action);
      const known = { "/login": { name: this.name, password: this.password } };
      const code = new URL(here).searchParams.get("user_code");
      if (action === "/device" && !fields.user_code) fields.user_code = code;
      at = await this.#fetch(this.issuer + action, { decision, ...fields, ...known[action] });
      if (!at.location && at.text.includes("<form ")) throw new Error(`${action} is shown again: ${at.text}`);
      if (!at.location) return { status: at.status, text: at.text };
    }
    throw new Error("sent around in circles");
  }
}
