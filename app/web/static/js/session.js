// Who is signed in: what proves that a request comes from this page, and the way back to the login page.

/** The headers that a request which changes something needs; none where nobody has to sign in. */
export function pageToken() {
  const token = document.querySelector('meta[name="page-token"]')?.content ?? "";
  return token ? { "x-page-token": token } : {};
}

/** Goes to the login page where an answer of the console itself says that the session has ended. */
export function mindSession(status, detail) {
  if (status !== 401 || detail !== "sign in first") return;
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.hash)}`);
}
