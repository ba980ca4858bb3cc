// The tests that page-details.test.ts leaves out.
import './page-details.test.ts'
