// Runs the examples of the pages that start many programs.
import './docs-examples.test.ts'
