// The combinations that page.test.ts leaves out.
import './page.test.ts'
