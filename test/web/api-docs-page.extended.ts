// The tests that api-docs-page.test.ts leaves out.
import './api-docs-page.test.ts'
