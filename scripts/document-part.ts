// A generated part of a document. Which parts there are is in documents.ts.

/** What is between the marks with that name in the file. */
export type Part = { file: string; name: string; make(): string | Promise<string> }
