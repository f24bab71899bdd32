/** A Postgres to develop on. Disposing it stops what was started for it, and keeps the data. */
export interface DevDatabase extends AsyncDisposable {
  /** Connection string with the password in it: never log it, print `description` instead. */
  readonly url: string;
  readonly kind: "url" | "embedded" | "container";
  /** For people, without the password: `embedded Postgres 18.4 in .aegra/postgres, port 54321`. */
  readonly description: string;
}
