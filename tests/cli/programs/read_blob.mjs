// Reads a blob with Microsoft's SDK for JavaScript, which knows nothing of doorcode.
// Arguments: the kind of credential, the URL of an account, a container, a blob.
import { createRequire } from "node:module";

const require = createRequire(process.env.DOORCODE_NODE_PACKAGES + "/");
const identity = require("@azure/identity");
const { BlobServiceClient } = require("@azure/storage-blob");

const [kind, account, container, blob] = process.argv.slice(2);
const service = new BlobServiceClient(account, new identity[kind]());
const content = await service.getContainerClient(container).getBlobClient(blob).downloadToBuffer();
console.log(content.toString());
