//! `fields` of wasi:http 0.2.

use http::HeaderName;
use wasmtime::component::Resource;
use wasmtime_wasi_http::{FieldMap, FieldMapError};

use super::bindings::types::{HeaderError, HostFields};
use crate::exchange::fields::{FIELD, size_of_fields};
use crate::store::resources::MAX_FIELDS;
use crate::store::state::State;

type Told<T> = wasmtime::Result<Result<T, HeaderError>>;

impl HostFields for State {
    fn new(&mut self) -> wasmtime::Result<Resource<FieldMap>> {
        Ok(self.table().push(FieldMap::new_mutable(MAX_FIELDS))?)
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> Told<Resource<FieldMap>> {
        let mut fields = FieldMap::new_mutable(MAX_FIELDS);
        for (name, value) in entries {
            if let Err(error) = fields.append(self.hooks(), name, value) {
                return refused(error);
            }
        }
        Ok(Ok(self.table_for(size_of_fields(&fields)).push(fields)?))
    }

    fn get(&mut self, fields: Resource<FieldMap>, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        let fields = self.table().get(&fields)?;
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Ok(Vec::new()) };
        Ok(fields.get_all(&name).iter().map(|value| value.as_bytes().to_vec()).collect())
    }

    fn has(&mut self, fields: Resource<FieldMap>, name: String) -> wasmtime::Result<bool> {
        let fields = self.table().get(&fields)?;
        Ok(HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| fields.contains_key(&name)))
    }

    fn set(&mut self, fields: Resource<FieldMap>, name: String, values: Vec<Vec<u8>>) -> Told<()> {
        let content = values.iter().map(|value| name.len() + value.len() + FIELD).sum();
        let (table, hooks) = self.table_for_and_hooks(content);
        table.get_mut(&fields)?.set(hooks, name, values).map_or_else(refused, done)
    }

    fn delete(&mut self, fields: Resource<FieldMap>, name: String) -> Told<()> {
        let (table, hooks) = self.table_and_hooks();
        table.get_mut(&fields)?.remove_all(hooks, name).map_or_else(refused, done)
    }

    fn append(&mut self, fields: Resource<FieldMap>, name: String, value: Vec<u8>) -> Told<()> {
        let (table, hooks) = self.table_for_and_hooks(name.len() + value.len() + FIELD);
        table.get_mut(&fields)?.append(hooks, name, value).map_or_else(refused, done)
    }

    fn entries(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<Vec<(String, Vec<u8>)>> {
        let fields = self.table().get(&fields)?;
        Ok(fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())
    }

    fn clone(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<Resource<FieldMap>> {
        let mut fields = self.table().get(&fields)?.clone();
        fields.set_mutable(MAX_FIELDS);
        Ok(self.table_for(size_of_fields(&fields)).push(fields)?)
    }

    fn drop(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<()> {
        self.table().delete(fields)?;
        Ok(())
    }
}

fn done<T>(_: T) -> Told<()> {
    Ok(Ok(()))
}

/// The error for the guest. An error that the guest cannot handle ends it.
fn refused<T>(error: FieldMapError) -> Told<T> {
    Ok(Err(match error {
        FieldMapError::Immutable => HeaderError::Immutable,
        FieldMapError::Forbidden => HeaderError::Forbidden,
        FieldMapError::InvalidHeaderName | FieldMapError::InvalidHeaderValue => HeaderError::InvalidSyntax,
        FieldMapError::TooManyFields | FieldMapError::TotalSizeTooBig => return Err(error.into()),
    }))
}
