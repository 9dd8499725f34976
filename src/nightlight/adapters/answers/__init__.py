"""What police forces send, CSV, XLSX, XLS or ODS, read into offences. Needs the extra ``insight``."""
